"""What the class of a mixture of attention heads calls its parts."""

from __future__ import annotations

Q_EXPERTS = "q_experts"
O_EXPERTS = "o_experts"
ROUTER = "router"
