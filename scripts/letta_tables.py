"""Makes the tables of a Letta server in the database that LETTA_PG_URI names. Run by the Python that has letta.

The published package carries no migrations; its models are the schema, but for one sequence.
"""

import asyncio
import importlib
import pkgutil

import letta.orm
from letta.orm.base import Base
from letta.settings import settings
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

for module in pkgutil.iter_modules(letta.orm.__path__):
    importlib.import_module(f"letta.orm.{module.name}")


async def make():
    engine = create_async_engine(settings.letta_pg_uri.replace("postgresql://", "postgresql+asyncpg://"))
    async with engine.begin() as database:
        await database.execute(text("CREATE EXTENSION IF NOT EXISTS vector"))
        await database.run_sync(Base.metadata.create_all)
        await database.execute(text("CREATE SEQUENCE IF NOT EXISTS message_seq_id"))
        default = "ALTER TABLE messages ALTER COLUMN sequence_id SET DEFAULT nextval('message_seq_id')"
        await database.execute(text(default))
    await engine.dispose()


asyncio.run(make())
