"""Language models: what their answers must be like before they are users'."""
