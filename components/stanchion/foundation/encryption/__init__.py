"""Keys of one's own for what holds data, one module for each cloud."""
