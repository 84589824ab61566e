"""The service: Formance's HTTP API over the ledger.

A route is one row (`routes.Route`): its path, the function that answers, and all that the OpenAPI
document and the checks before it need to know. The functions are plain and synchronous; each call
runs in a thread, because that is where the ledger brings callers of the same moment together.
"""
