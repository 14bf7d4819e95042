"""Requests that another node answers: directory, routing, proxy."""
