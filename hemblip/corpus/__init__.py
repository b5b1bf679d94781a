"""From published downloads to one checked manifest: prepare, data card, audit, captions."""
