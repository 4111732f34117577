"""`tidemark doctor`: looks at everything the platform stands on, one module a concern."""
