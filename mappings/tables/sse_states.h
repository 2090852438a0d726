/* SPDX-License-Identifier: BSD-2-Clause */
/* What the subscribers of an observation are told of it: SSE_STATE(id, "name", "reason when no problem
 * is behind it"). The names are those of the "state" events (SSE-07). Included with SSE_STATE defined;
 * no guard on purpose. */
SSE_STATE(CONNECTING, "connecting", "waiting") /* nothing was heard yet */
SSE_STATE(LIVE, "live", "value")               /* the latest value is fresh */
SSE_STATE(STALE, "stale", "max-age")           /* its Max-Age passed without news */
SSE_STATE(OFFLINE, "offline", "silent")        /* the node does not answer, or by an error of its own */
SSE_STATE(GONE, "gone", "ended")               /* the gateway ends the stream of this target */
