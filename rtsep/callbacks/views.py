"""Views of the records that a callback works on, for compiled code; they are made from addresses."""

from rtsep.callbacks.shared import LIVE
from rtsep.kernels.views import viewer
from rtsep.stages.call import CALL

live_at, call_at = viewer(LIVE), viewer(CALL)
