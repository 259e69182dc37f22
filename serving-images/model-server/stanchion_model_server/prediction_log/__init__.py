"""The prediction log: a sample of what a model was asked and answered, without what is personal."""
