"""What the server does for each method of the protocol: one function a method.

Each module lists its functions in `ROWS`; a handler is given the server and the request.
"""
