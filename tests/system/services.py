"""Services that nobody can run at home, as their documentation describes them.

Each takes what its published schema (schemas/NAME.json) and limits allow, answers as the real one
does, and refuses all else with the real one's answer.
"""

import json
import os

import jsonschema

from harness import HERE, Receiver


def once(pairs):
    """An object in which no key stands twice."""
    keys = [key for key, _ in pairs]
    assert len(keys) == len(set(keys)), f"doubled key in {keys}"
    return dict(pairs)


class Service(Receiver):
    """`taken` are the documents that it took, `refused` why it did not take others."""

    name = None
    path = "/"
    keys = {}     # of a sink, beside format and url
    most = None   # bytes of a body
    wait = 0      # seconds of Retry-After while it is busy

    def __init__(self):
        self.taken, self.refused = [], []
        with open(os.path.join(HERE, "schemas", f"{self.name}.json"), encoding="utf-8") as file:
            self.schema = jsonschema.Draft202012Validator(json.load(file))
        self.busy = 0  # how many of the next requests are too many
        super().__init__()

    def sink(self, **keys):
        url = self.url.replace("/alert", self.path)
        return {"name": "hook", "type": "webhook", "format": self.name, "url": url, **self.keys,
                **keys}

    def wrong(self, request):
        """What of a request is not as documented; an empty list where nothing is."""
        if request.headers.get_content_type() != "application/json":
            return [f"content type {request.headers.get_content_type()}"]
        try:
            document = json.loads(request.body.decode("utf-8"), object_pairs_hook=once)
        except (ValueError, AssertionError) as error:
            return [str(error)]
        return ([f"{error.json_path}: {error.message[:200]}"
                 for error in self.schema.iter_errors(document)] + self.limits(document))

    def limits(self, document):
        """What no schema can say."""
        return []

    def answer(self, request):
        if self.busy:
            self.busy -= 1
            return 429, {"Retry-After": 1}, self.slow_down
        wrong = self.wrong(request)
        if len(request.body) > self.most:
            wrong.append(f"{len(request.body)} bytes")
        if wrong:
            self.refused.append(wrong)
            return self.refusal(wrong)
        self.taken.append(request.document())
        return self.thanks(request.document())


class PagerDuty(Service):
    name = "pagerduty"
    path = "/v2/enqueue"
    keys = {"routing_key": {"env": "TEST_ROUTING_KEY"}}
    most = 512 * 1024
    slow_down = b'{"status":"throttle exceeded","message":"Requests for this service are arriving ' \
                b'too quickly.  Please retry later."}'

    def refusal(self, wrong):
        return 400, {"Content-Type": "application/json"}, json.dumps({
            "status": "invalid event", "message": "Event object is invalid",
            "errors": wrong}).encode()

    def is_over(self, document):
        return document["event_action"] == "resolve"

    def thanks(self, document):
        return 202, {"Content-Type": "application/json"}, json.dumps({
            "status": "success", "message": "Event processed",
            "dedup_key": document["dedup_key"]}).encode()


class Slack(Service):
    """Its errors: https://api.slack.com/changelog/2016-05-17-changes-to-errors-for-incoming-webhooks"""

    name = "slack"
    path = "/services/T000/B000/XXXX"
    most = 1 << 20
    slow_down = b"rate_limited"

    def limits(self, document):
        blocks = [block for place in (document, *document.get("attachments", []))
                  for block in place.get("blocks", [])]
        return ["more than 50 blocks"] if len(blocks) > 50 else []

    def refusal(self, wrong):
        return 400, {}, b"invalid_payload" if "JSON" in str(wrong) else b"invalid_blocks"

    def is_over(self, document):
        return ", resolved:" in document["attachments"][0]["blocks"][0]["text"]["text"]

    def thanks(self, document):
        return 200, {"Content-Type": "text/html"}, b"ok"


class Teams(Service):
    """28 KB: https://learn.microsoft.com/en-us/connectors/teams/; ours stay below 20,000 bytes."""

    name = "teams"
    path = "/workflows/0123/triggers/manual/paths/invoke?sig=s3cret"
    most = 20000
    slow_down = b'{"error":{"code":"WorkflowTriggerIsRateLimited","message":"too many"}}'

    def refusal(self, wrong):
        return 400, {"Content-Type": "application/json"}, json.dumps({"error": {
            "code": "TriggerInputSchemaMismatch", "message": "; ".join(wrong)}}).encode()

    def is_over(self, document):
        (run,) = document["attachments"][0]["content"]["body"][0]["inlines"]
        return ", resolved:" in run["text"]

    def thanks(self, document):
        return 202, {}, b""


class Ntfy(Service):
    """4,096 bytes: https://docs.ntfy.sh/publish/#limitations; the body as server.go bounds it."""

    name = "ntfy"
    path = "/my-topic"
    most = 2 * 4096
    slow_down = b'{"code":42901,"http":429,"error":"limit reached: too many requests"}'

    def limits(self, document):
        size = len(document.get("message", "").encode())
        return ["the message becomes an attachment"] if size > 4096 else []

    def refusal(self, wrong):
        return 400, {"Content-Type": "application/json"}, json.dumps({
            "code": 40024, "http": 400, "error": "invalid request: " + "; ".join(wrong)}).encode()

    def is_over(self, document):
        return document["tags"] == ["white_check_mark"]

    def thanks(self, document):
        return 200, {"Content-Type": "application/json"}, json.dumps({
            "id": "hwQ2YpKdmg", "event": "message", "topic": document["topic"]}).encode()


SERVICES = [PagerDuty, Slack, Teams, Ntfy]
