"""The in-process bus, and the messages that travel over it and over Kafka."""
