"""Whose face it is: who is enrolled, what a look says, and what the looks of a track say together."""
