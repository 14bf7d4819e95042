"""Signing in at an OpenID Connect provider, such as Keycloak."""
