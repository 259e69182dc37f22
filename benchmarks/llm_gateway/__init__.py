"""What the LLM gateway finds and misses, and what it costs."""
