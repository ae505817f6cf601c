"""A stand-in for every provider: OpenAI Chat Completions and Anthropic Messages over real HTTP, with its own bill.

``python -m bench.standin --prices CATALOGUE`` prints ``{"url": ...}`` when it is ready; ``bench.standin.process``
starts one from Python. A provider P of the catalogue answers at ``URL/P/v1/chat/completions`` or ``URL/P/v1/messages``
(``v1`` may be left out). Answers are drawn from the model's name and the messages alone, and say ``[stand-in]`` unless
JSON, a tool call or one of some labels was asked for. Usage is counted by the rule in ``bench.standin.counting``
(``GET /standin/rules``). It shares no code with the ledger: its bill is the second set of books.

Faults. A rule is ``{"match": {...}, "fault": NAME, "seconds": S, ...}``; ``--faults`` or ``PUT /standin/faults`` take
a JSON list of them, and the first that matches decides. In ``match``: ``provider``, ``model`` (the provider's name of
it), ``endpoint`` (the catalogue's id), ``contains`` (a text in the prompt), ``every`` N (one in N requests, always the
same ones), ``first`` N (the first N calls that match), ``tries`` N (the first N calls with the same model and messages,
so that a retry gets through). All that are given must hold.

| fault | what the caller sees | billed |
| --- | --- | --- |
| ``rate_limit`` | 429 with Retry-After (``retry_after``, 1 s) | no |
| ``server_error`` | 500, or ``status`` | no |
| ``overloaded`` | 529 (OpenAI: 503), or ``status`` | no |
| ``bad_request`` | 400, or ``status`` | no |
| ``unauthorized`` | 401, or ``status`` | no |
| ``refusal`` | OpenAI ``refusal`` and finish_reason content_filter; Anthropic stop_reason refusal | yes |
| ``empty`` | an answer with no text, no output tokens | yes |
| ``truncated`` | half the answer, finish_reason length | yes |
| ``invalid_json`` | text that is not JSON | yes |
| ``wrong_label`` | text that is none of the labels | yes |
| ``wrong_language`` | Chinese prose (English, for a prompt in another script) | yes |
| ``slow`` | the answer after ``seconds`` (5) more | yes |
| ``hang`` | nothing, until the caller leaves or ``seconds`` are over; then a reset | if ``"billed": true`` |
| ``reset_before_billing`` | a TCP reset | no |
| ``reset_after_billing`` | a TCP reset | yes |
| ``cut_body`` | half the bytes of the answer, then the end of the connection | yes |
| ``bad_usage`` | the answer without usage | yes |

``seconds`` delays any other fault too. The key ``sk-bad`` gets a 401, every other key and none is taken. A caller that
leaves while its answer is delayed is billed when the delay is over, as with a real provider.
"""
