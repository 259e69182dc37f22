"""A day of the prediction log beside the model's training, and beside labels that came late."""
