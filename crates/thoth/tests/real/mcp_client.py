"""The official Python SDK as a client of MCP, driven line by line.

The first argument is a JSON object: `mode` is how the SDK negotiates («legacy» begins a session, «auto» works without),
and either `url` and `token`, or `command`, `arguments` and `environment`. Each further line on standard input is a JSON
array: what to do, and its arguments. One line of JSON is the answer to each.
"""

import asyncio
import json
import sys

import httpx2
from mcp import Client, MCPError, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client


def dumped(model):
    return model.model_dump(mode="json", by_alias=True, exclude_none=True)


async def answer(client, told, what, *arguments):
    match what:
        case "server":
            return {"name": client.server_info.name, "version": client.protocol_version}
        case "tools":
            # Past the SDK's own cache: what the server says now.
            return dumped(await client.list_tools(cache_mode="bypass"))
        case "call":
            return dumped(await client.call_tool(*arguments))
        case "resources":
            return dumped(await client.list_resources(cache_mode="bypass"))
        case "read":
            return dumped(await client.read_resource(*arguments))
        case "told":
            return await asyncio.wait_for(told.get(), 60)


async def listen(client, told, ready):
    """What a client without a session does to be told of changed tools."""
    async with client.listen(tools_list_changed=True) as events:
        ready.set()
        async for event in events:
            await told.put(type(event).__name__)


async def main(how):
    told = asyncio.Queue()

    async def heard(message):
        await told.put(type(message).__name__)

    if "url" in how:
        http = httpx2.AsyncClient(headers={"Authorization": f"Bearer {how['token']}"}, timeout=60)
        transport = streamable_http_client(how["url"], http_client=http)
    else:
        transport = stdio_client(
            StdioServerParameters(command=how["command"], args=how["arguments"], env=how["environment"])
        )
    async with Client(transport, mode=how["mode"], message_handler=heard) as client:
        listening = None
        if how["mode"] == "auto":
            ready = asyncio.Event()
            listening = asyncio.create_task(listen(client, told, ready))
            await asyncio.wait_for(ready.wait(), 60)
        lines = asyncio.StreamReader(limit=1 << 24)
        protocol = asyncio.StreamReaderProtocol(lines)
        await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, sys.stdin)
        while line := await lines.readline():
            try:
                said = await answer(client, told, *json.loads(line))
            except MCPError as error:
                said = {"error": {"code": error.code, "message": error.message}}
            print(json.dumps(said), flush=True)
        if listening:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)


asyncio.run(main(json.loads(sys.argv[1])))
