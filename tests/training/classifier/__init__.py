"""Classifiers: what is learned, exported and refused."""
