/* SPDX-License-Identifier: BSD-2-Clause */
/* What must hold whatever happens: INVARIANT(ID, "name", "what it says"). Included with INVARIANT
 * defined; no guard on purpose. */
INVARIANT(ANSWERED_ONCE, "answered-once", "every HTTP exchange is answered exactly once")
INVARIANT(ANSWERED_IN_TIME, "answered-in-time", "every HTTP exchange is answered within its bound")
INVARIANT(REPLY_STAYS, "reply-stays", "a reply does not change once it was given")
INVARIANT(STALE_ID, "stale-id", "the id of an exchange that has gone names nothing")
INVARIANT(OWN_VALUE, "own-value",
          "a value is one that its node had for that very resource meanwhile")
INVARIANT(OWN_REQUEST, "own-request", "an answer belongs to the request that it is given to")
INVARIANT(WHOLE_BODY, "whole-body", "a node gets the body that its client sent, whole and unmixed")
INVARIANT(DONE_WHEN_TOLD, "done-when-told",
          "a success is told only when the node has carried it out")
INVARIANT(AT_MOST_ONCE, "at-most-once",
          "an unsafe request is carried out once, unless its node rebooted")
INVARIANT(STATUS_HAS_CAUSE, "status-has-cause",
          "an error is told only when its cause has been there")
INVARIANT(TIMEOUT_EARLY, "timeout-not-early", "504 comes not before the deadline")
INVARIANT(TIMEOUT_LATE, "timeout-not-late", "504 comes not long after the deadline")
INVARIANT(NSTART, "nstart", "at most NSTART interactions of a node are unacknowledged")
INVARIANT(SLOT_FREE, "slot-free", "nothing waits for a node that has a slot")
INVARIANT(BOUNDED, "bounded", "no more waits or is outstanding than the settings allow")
INVARIANT(PROBING_RATE, "probing-rate", "a node that does not answer gets few bytes (PROBING_RATE)")
INVARIANT(PINGS_RARE, "pings-rare", "only a node that has been silent is pinged, and rarely")
INVARIANT(MID_ONCE, "mid-once", "a MID is not used again within EXCHANGE_LIFETIME")
INVARIANT(TOKEN_UNIQUE, "token-unique",
          "a token is unique among the outstanding requests of a node")
INVARIANT(FEW_RESTARTS, "few-restarts", "a transfer begins again a few times at most")
INVARIANT(TRANSFER_IN_TIME, "transfer-in-time",
          "no block is sent when the deadline of its transfer has passed")
INVARIANT(BLOCKS_IN_TURN, "blocks-in-turn",
          "a block of a body goes behind the one before, which the node has confirmed")
INVARIANT(FRESH, "fresh", "what may have been kept back and replayed meets no challenge")
INVARIANT(OWN_ECHO, "own-echo", "an Echo goes to no other node than the one that it came from")
INVARIANT(FRESH_VALUE, "fresh-value",
          "an answer has come from its node within its Max-Age, and behind the last known change")
INVARIANT(OWN_KEY, "own-key", "an answer has the query and the media type that were asked for")
INVARIANT(OWN_TAGS, "own-tags", "304 goes to those whose tag is that of the value")
INVARIANT(TOLD_AGE, "told-age", "a client is told no longer life of an answer than it has left")
INVARIANT(WISHES, "wishes", "what a client asks of caches is kept to")
INVARIANT(SHARED, "shared", "what is asked for already, or fresh, is not asked for again")
INVARIANT(CACHE_BOUNDED, "cache-bounded", "no more is stored than the limits allow")
INVARIANT(MONITOR, "monitor", "who does not wait finds the result of the request later")
INVARIANT(STREAM_HEAD, "stream-head",
          "a stream begins as the head of its reply says, with a time to wait before a reconnect")
INVARIANT(STATE_EVENTS, "state-events",
          "a state is told before the first value, each in its turn, and gone at the end alone")
INVARIANT(NEWER_VALUE, "newer-value",
          "no subscriber is told an older value behind a newer one of a node's life")
INVARIANT(POLLED_CHANGES, "polled-changes", "of what is polled only changes are told")
INVARIANT(IDS, "ids", "the id of an event names one value, and ids count without a gap")
INVARIANT(LIVE, "live", "what is told to be live is not older than its Max-Age")
INVARIANT(HEARTBEAT, "heartbeat", "no stream is silent for longer than the heartbeat")
INVARIANT(FINAL_STATE, "final-state",
          "whoever stays subscribed ends with the final state of the node")
INVARIANT(READ_BOUNDED, "read-bounded", "no more is read of a stream than there is room for")
INVARIANT(TOLD_READABLE, "told-readable", "nobody is told to read who has no stream")
INVARIANT(ONE_REGISTRATION, "one-registration",
          "a resource is registered once at a time, for all who ask for it in one way")
INVARIANT(SAME_RELATION, "same-relation", "a registration is refreshed with its own options")
INVARIANT(OBSERVE_WANTED, "observe-wanted", "what nobody listens to is not registered")
INVARIANT(REFRESH_RARE, "refresh-rare",
          "what is fresh is not asked for again, neither by a refresh nor by polling")
INVARIANT(REFRESH_MADE, "refresh-made", "what was told is asked for again when nothing comes")
INVARIANT(DEREGISTERED, "deregistered", "when the last one leaves, the node is told")
INVARIANT(NO_REST, "no-rest",
          "a node has no observer in the end but one whose end it could not be told")
INVARIANT(CON_REPLIED, "con-replied",
          "each copy of a CON is acknowledged or reset, as the first was")
INVARIANT(REPLY_ASKED, "reply-asked", "an ACK or RST answers a message that has just come")
INVARIANT(RETRANSMIT_SAME, "retransmit-same",
          "a retransmission has the same bytes and limited number")
INVARIANT(RETRANSMIT_BACKOFF, "retransmit-backoff", "timeouts begin in their range and double")
INVARIANT(RETRANSMIT_MADE, "retransmit-made", "no retransmission that is due is left out")
INVARIANT(SILENT_AFTER_END, "silent-after-end",
          "nothing is sent again after an interaction has ended")
INVARIANT(WELL_FORMED, "well-formed", "each datagram is a message of CoAP and not too long")
INVARIANT(FREE_AT_END, "free-at-end", "300 s after all clients left nothing is outstanding")
INVARIANT(IDLE_AT_END, "idle-at-end",
          "EXCHANGE_LIFETIME later no endpoint, no timer and no charge for memory is left")
INVARIANT(NO_LEAK, "no-leak", "after the gateway was freed nothing is allocated")
INVARIANT(NO_STRAY_WRITE, "no-stray-write", "nobody writes to freed memory")
