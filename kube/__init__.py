"""The API server, as certificates and the webhook read it: connection, lists, one watch loop."""
