"""The documents of the interface: OpenAPI, AsyncAPI, JSON Schemas, and the table of routes and roles."""
