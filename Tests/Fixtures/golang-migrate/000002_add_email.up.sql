SELECT 1; -- 000002_add_email up
