"""Where alerts are sent: webhooks, MQTT brokers, and the services that Apprise knows."""
