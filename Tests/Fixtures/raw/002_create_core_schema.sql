-- Migration: 002_create_core_schema.sql
-- Purpose: Users

CREATE TABLE users (id bigint PRIMARY KEY);
