-- Fails, and changes nothing, when an amount is there that needs more than 32 bits.
ALTER TABLE billing_history ALTER COLUMN amount_cents TYPE INTEGER;
