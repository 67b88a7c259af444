"""Apprise: over a hundred services by one URL each, told in words. An SMS is one segment; see :mod:`idlebell.push.sms`.

Apprise itself runs in a process of its own (:mod:`idlebell.net.apprise_pool`). Here stands what it is asked and what its answer
means.
"""

from __future__ import annotations

from datetime import datetime

from idlebell.model.apprise_service import Reaches
from idlebell.model.endpoint import AppriseEndpoint
from idlebell.model.notification import Notification
from idlebell.push.answers import refused, silence, transient
from idlebell.push.attempt import Attempt
from idlebell.push.exchange import AppriseAnswered, AppriseCall, HttpResponse, NoResponse
from idlebell.push.outcome import Accepted, Gone, Outcome, Refused, Retry
from idlebell.push.sms import segment
from idlebell.push.wording import worded

BODY_LIMITS: tuple[int, ...] = (0,)
"""Cut before it is sent; there is no second, shorter try."""


def build(notification: Notification, endpoint: AppriseEndpoint, attempt: Attempt) -> AppriseCall:
    if endpoint.reaches is Reaches.SMS:
        return AppriseCall(endpoint.url, "", segment(notification))
    said = worded(notification)
    return AppriseCall(endpoint.url, said.title, said.body or said.title)


def read(answer: AppriseAnswered | NoResponse, now: datetime) -> Outcome:
    """Apprise says yes or no; the status of the service's last answer says why not. A 404 is no end: it may be a topic or a
    room that comes back, and whose URL it is cannot be seen from here."""
    match answer:
        case NoResponse():
            return silence(answer)
        case AppriseAnswered(accepted=True, status=status):
            return Accepted(status or 0)
        case AppriseAnswered(status=None, silence=str()):
            return silence(answer)
        case AppriseAnswered(status=None):
            return Retry("The service did not take it.")
        case AppriseAnswered(status=410):
            return Gone(410)
        case AppriseAnswered(status=int(status)) if status < 300:
            # Taken as HTTP, refused in its body: an account without money, a number that is none.
            return Refused("The service answered that it does not take it.", status)
    response = HttpResponse(
        answer.status or 0, {} if answer.retry_after is None else {"retry-after": answer.retry_after}
    )
    return transient(response, now) or refused(response)
