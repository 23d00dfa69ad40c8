DROP TABLE IF EXISTS billing_history;
DROP TABLE IF EXISTS memberships;
DROP FUNCTION IF EXISTS update_updated_at_column();
