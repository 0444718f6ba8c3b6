"""Names the service maker for twistd, nothing else."""

from twisted.application.service import ServiceMaker

txregistry = ServiceMaker(
    "txregistry",
    "txregistry.tap",
    "A container image registry.",
    "txregistry",
)
