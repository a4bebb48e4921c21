#!/usr/bin/python3
"""The peer of the keystroke pair: terminado's own server, a terminal per connection. Prints its port."""
import asyncio
import sys

import terminado
import tornado.web


async def serve():
    manager = terminado.UniqueTermManager(shell_command=sys.argv[1:])
    application = tornado.web.Application([(r"/websocket", terminado.TermSocket, {"term_manager": manager})])
    server = application.listen(0, "127.0.0.1")
    print(next(iter(server._sockets.values())).getsockname()[1], flush=True)
    await asyncio.Event().wait()


asyncio.run(serve())
