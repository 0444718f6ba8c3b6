"""HTTP: the streaming edge, the routes and their answers."""
