-- Yearly invoices of large customers do not fit into 32 bits of the smallest currency unit.
--
-- Changing the type writes the whole table and its indexes anew; nobody reads or writes it meanwhile.

ALTER TABLE billing_history ALTER COLUMN amount_cents TYPE BIGINT;
