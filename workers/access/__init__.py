"""Who may do what: principals, roles, actions, and the declaration of a route's action."""
