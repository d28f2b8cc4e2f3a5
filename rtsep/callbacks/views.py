"""Views, for compiled code, of the records that a callback works on, made from their addresses."""

from rtsep.callbacks.shared import LIVE
from rtsep.kernels.views import viewer
from rtsep.stages.call import CALL

live_at, call_at = viewer(LIVE), viewer(CALL)
