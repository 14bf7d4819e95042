"""Kafka: clients, the bus over it, topics, and following them."""
