"""A web API with FastAPI, as an Aleph function."""

import asyncio
import os
from typing import Optional

from fastapi import FastAPI, HTTPException
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

app = FastAPI(title="hello-fastapi")


@app.on_event("startup")
async def remember_start():
    app.state.started = True


class Note(BaseModel):
    text: str = Field(max_length=10_000)
    author: Optional[str] = None


@app.get("/")
async def index():
    return {"hello": "world", "started": app.state.started}


@app.get("/items/{item_id}")
async def item(item_id: int, q: Optional[str] = None):
    if item_id < 0:
        raise HTTPException(status_code=404, detail="there is no such item")
    return {"item_id": item_id, "q": q}


@app.post("/echo")
async def echo(note: Note):
    return note


@app.get("/count")
async def count(to: int = 5):
    """Send one line at a time: the answer starts before it is complete."""

    async def lines():
        for number in range(1, min(to, 1000) + 1):
            yield f"{number}\n"
            await asyncio.sleep(0.1)

    return StreamingResponse(lines(), media_type="text/plain")


@app.get("/about")
async def about():
    """Show what the host and the owner gave to the program."""
    names = sorted(name for name in os.environ if name.startswith(("ALEPH_", "GREETING")))
    return {name: os.environ[name] for name in names}
