SELECT 1; -- 000001_create_users down
