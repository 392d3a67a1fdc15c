"""The application: pages, API and live feed of one serving process, and how it is run.

`create_app` opens nothing but the pools; the lifespan starts the feed's reader and ends it. `serve --only` leaves out what another
network zone serves: patients' tablets, staff, operations.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

import anyio.to_thread
from fastapi import APIRouter, FastAPI
from fastapi.staticfiles import StaticFiles

from dashboards import asyncapi, feed_socket, openapi, problems
from dashboards.api import (
    alerts,
    backtests,
    events,
    forms,
    gateways,
    health,
    measurements,
    patients,
    pauses,
    plan_documents,
    plans,
    session,
)
from dashboards.feed import Feed
from dashboards.house import THREADS, House
from dashboards.pages.routes import router as pages
from dashboards.readiness import Readiness
from dashboards.serving import run
from dashboards.walls import Walls
from dho.db import Database
from dho.settings import Settings

Zone = Literal["patient", "staff", "ops"]
STATIC = Path(__file__).parent / "static"
_PEOPLE = (
    session.router,
    alerts.router,
    patients.router,
    measurements.router,
    forms.router,
    backtests.router,
    plans.router,
    plan_documents.router,
    pauses.router,
    events.router,
    feed_socket.router,
)
ROUTERS: dict[Zone, tuple[APIRouter, ...]] = {
    "patient": (session.router, patients.router, measurements.router, forms.router, gateways.router, events.router, feed_socket.router),
    "staff": (*_PEOPLE, pages),
    "ops": (health.metrics_router,),
}
EVERYWHERE = (health.router, asyncapi.router)


def create_app(settings: Settings, only: Zone | None = None) -> FastAPI:
    """The application of one process. Raises `SettingsError` where what it needs is not set."""
    settings.require("database_url", "secret_key")
    house = House(settings, Database(settings.database_url, "serve", size=THREADS // 2), Database(settings.database_url, "ingest", size=2))
    house.readiness = Readiness(house.database, settings.mqtt_url)
    house.feed = Feed(house)
    app = FastAPI(
        title="DHO",
        version="1",
        description=openapi.DESCRIPTION,
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
        lifespan=_lifespan(house),
        redirect_slashes=False,
        generate_unique_id_function=openapi.operation_id,
    )
    app.state.house = house
    app.add_middleware(Walls, is_https=settings.public_url.startswith("https://"))
    problems.install(app)
    openapi.install(app)
    for router in _routers(only):
        app.include_router(router)
    if only in (None, "staff", "patient"):
        app.mount("/static", StaticFiles(directory=STATIC), name="static")
    return app


def _routers(only: Zone | None) -> list[APIRouter]:
    zones: tuple[Zone, ...] = ("patient", "staff", "ops") if only is None else (only,)
    found = [*EVERYWHERE]
    for zone in zones:
        found += [router for router in ROUTERS[zone] if router not in found]
    return found


def _lifespan(house: House) -> Callable[[FastAPI], Any]:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        anyio.to_thread.current_default_thread_limiter().total_tokens = THREADS
        await house.feed.start()
        yield
        await house.feed.stop()
        house.database.close()
        house.intake.close()

    return lifespan


def serve(settings: Settings, only: Zone | None = None) -> None:
    """Serve until SIGTERM or Ctrl-C."""
    run(create_app(settings, only), settings.http_host, settings.http_port)
