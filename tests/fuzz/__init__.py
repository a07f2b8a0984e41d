"""The protocol under fuzz: what a guest that owns its sandbox may say, and what must hold."""
