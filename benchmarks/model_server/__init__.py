"""The model server beside its peers: one model, one machine, one worker each, one run."""
