"""What jupyter-scheduler may choose from: the group's images are environments, its instance types compute types."""

from __future__ import annotations

from jupyter_scheduler.environments import EnvironmentManager, EnvironmentRetrievalError
from jupyter_scheduler.models import RuntimeEnvironment

from collegium_client.errors import CollegiumError
from collegium_client.lab.connection import Connection
from collegium_client.models import CatalogOut

#: A notebook as a job always leaves both.
FORMATS = {"ipynb": "Notebook", "html": "HTML"}


class CollegiumEnvironments(EnvironmentManager):  # type: ignore[misc]  # jupyter_scheduler has no type information
    """The catalog of the server's group."""

    def __init__(self) -> None:
        self.connection = Connection()

    async def list_environments(self) -> list[RuntimeEnvironment]:
        """Images, each with the sizes that could ever start; the first that could start now is the default."""
        catalog = await self._catalog()
        sizes = [t for t in catalog.instance_types if t.fits != "never"]
        if not sizes:
            return []
        default = next((t.name for t in sizes if t.fits == "now"), sizes[0].name)
        return [
            RuntimeEnvironment(
                name=image.name,
                label=image.display_name or image.name,
                description=image.description,
                file_extensions=["ipynb"],
                output_formats=list(FORMATS),
                metadata={},
                compute_types=[t.name for t in sizes],
                default_compute_type=default,
                utc_only=False,
            )
            for image in catalog.images
        ]

    async def default_type(self) -> str:
        """The instance type of a job that names none; empty if there is none."""
        found = await self.list_environments()
        return str(found[0].default_compute_type) if found else ""

    def manage_environments_command(self) -> str:
        """Nothing: images are the group's, and a sidebar of its own shows them."""
        return ""

    def output_formats_mapping(self) -> dict[str, str]:
        """Names of what a job leaves."""
        return dict(FORMATS)

    async def _catalog(self) -> CatalogOut:
        try:
            client = self.connection.client()
            return await client.get_groups_group_catalog(await client.group())
        except CollegiumError as error:
            raise EnvironmentRetrievalError(error.message) from error
