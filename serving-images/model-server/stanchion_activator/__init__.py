"""Holds the requests of a model service that rests at no replica until one answers."""
