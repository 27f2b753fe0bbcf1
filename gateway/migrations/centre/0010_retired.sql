-- When a node was taken out of service for good; 0 while it is in service.
ALTER TABLE node ADD COLUMN retired_ns BIGINT NOT NULL DEFAULT 0;
