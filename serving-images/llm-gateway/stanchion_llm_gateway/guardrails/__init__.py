"""What is looked for in prompts and answers, and what then happens to them."""
