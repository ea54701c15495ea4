"""The pipeline of a gateway that may explain itself."""

from dataclasses import replace

from gateway.answers import Answer
from gateway.execution.explain import Explainer
from gateway.operations.request import OperationRequest
from gateway.pipeline import Execute, Pipeline, run_for_json


class ExplainingPipeline(Pipeline):
    """Tells in `extensions.explain` how an answer came about, where the request asks for that."""

    async def run(self, request: OperationRequest, correlation_id: str, execute: Execute = run_for_json) -> Answer:
        if not request.explain:
            return await super().run(request, correlation_id, execute)
        explainer = Explainer()
        answer = await super().run(request, correlation_id, explainer.run)
        if explainer.explanation is None:
            return answer
        extensions = {**answer.content.get("extensions", {}), "explain": explainer.explanation.as_json()}
        return replace(answer, content={**answer.content, "extensions": extensions})
