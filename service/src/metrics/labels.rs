//! The values of labels: enums, so that each series exists from the start as 0 and none is
//! unbounded.

/// Declares an enum whose variants are the values of a label.
macro_rules! label {
    ($(#[$about:meta])* $name:ident { $($(#[$meaning:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name {
            $($(#[$meaning])* $variant,)*
        }

        impl $name {
            /// All of them, so that every one is exported from the start.
            pub const ALL: [Self; [$($text),*].len()] = [$(Self::$variant),*];

            /// The value of the label.
            #[must_use]
            pub fn label(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                }
            }
        }
    };
}

label! {
    /// How an event came in.
    PublishSource {
        /// A form at the hub's path.
        Form = "form",
        /// The body of a request to its topic.
        Raw = "raw",
        /// A line of many.
        Ndjson = "ndjson",
        /// This process itself: the demonstrations.
        Internal = "internal",
    }
}

label! {
    /// Why an event was not published.
    PublishRejection {
        /// The request could not be read as events.
        Invalid = "invalid",
        /// There was no token, or one that is not accepted.
        Unauthorized = "unauthorized",
        /// The grants or the origin do not cover it.
        Forbidden = "forbidden",
        /// The id is in the log already.
        DuplicateId = "duplicate_id",
        /// A topic of it has ended.
        TopicEnded = "topic_ended",
        /// The event, the body or the head is larger than the limit.
        TooLarge = "too_large",
        /// The body took too long.
        Timeout = "timeout",
        /// Too many bodies were being read.
        Busy = "busy",
        /// Its publisher publishes faster than one client may, or has too many requests.
        ClientLimit = "client_limit",
        /// The server is stopping.
        Draining = "draining",
        /// The log could not take it.
        Unavailable = "unavailable",
        /// The log may have taken it.
        Unknown = "unknown",
    }
}

label! {
    /// Why a request for a stream was not served.
    SubscribeRejection {
        /// Its selectors or its head could not be used.
        Invalid = "invalid",
        /// There was no token, or one that is not accepted.
        Unauthorized = "unauthorized",
        /// The grants or the host do not cover it.
        Forbidden = "forbidden",
        /// As many of these streams as may be are open, or compiled selectors take all the memory
        /// that they may.
        Busy = "busy",
        /// Its address has as many streams as one may have.
        AddressLimit = "address_limit",
        /// Its token has as many streams, or selectors, as one may have.
        TokenLimit = "token_limit",
        /// The server is stopping.
        Draining = "draining",
    }
}

label! {
    /// What became of a request to go on from an earlier place.
    Resumed {
        /// Everything after its id was retained.
        Complete = "complete",
        /// It asked for all events that are retained.
        Earliest = "earliest",
        /// It asked for the newest events of each topic.
        Newest = "newest",
        /// It asked for the events since a time.
        Since = "since",
        /// The log had passed its id; it was sent a gap notice.
        Expired = "expired",
        /// Its id was not known; it was sent a gap notice.
        Unknown = "unknown",
    }
}

label! {
    /// What became of fetching the keys of an issuer.
    JwksFetch {
        /// There is a set.
        Fetched = "fetched",
        /// It is the one of the last time.
        Unchanged = "unchanged",
        /// It could not be had, or not be used.
        Failed = "failed",
    }
}

label! {
    /// What a connection speaks.
    Protocol {
        /// HTTP/1.0 or HTTP/1.1.
        Http1 = "http1",
        Http2 = "http2",
        /// It has not said enough to tell.
        New = "new",
    }
}

label! {
    /// Why a connection was not served.
    Refusal {
        /// All connections are taken.
        Limit = "limit",
        /// Its address has as many as one may have.
        AddressLimit = "address_limit",
    }
}

label! {
    /// Why a connection was closed.
    ConnectionEnd {
        /// The client closed or reset it, or was no longer there.
        Client = "client",
        /// It had become a stream, which ended; the stream has a reason of its own.
        Stream = "stream",
        /// There was no request for a long time.
        Idle = "idle",
        /// A head did not come in time.
        HeadersTimeout = "headers_timeout",
        /// The server is stopping.
        Drain = "drain",
        /// The client broke the rules of HTTP.
        Protocol = "protocol",
        /// No keys were agreed on (TLS); the handshake has a reason of its own.
        Handshake = "tls_handshake",
    }
}

label! {
    /// Why a TLS handshake failed.
    HandshakeFailure {
        /// The client spoke HTTP without TLS.
        PlainHttp = "plain_http",
        /// What the client sent is not TLS, or broken.
        Malformed = "malformed",
        /// It knows no version, cipher or protocol that this server has.
        Incompatible = "incompatible",
        /// It ended the handshake by an alert: it does not take the certificate, for example.
        Rejected = "rejected",
        /// It went away.
        Client = "client",
        /// It did not come to its end in time.
        Timeout = "timeout",
        /// It took long, and too many were going on.
        CrowdedOut = "crowded_out",
    }
}

label! {
    /// What came of reading a certificate again.
    CertificateReloadResult {
        /// It is served from now on.
        Success = "success",
        /// The one before is served on.
        Failure = "failure",
    }
}

label! {
    /// How the event log is.
    StorageState {
        /// It takes events and can be read.
        Healthy = "healthy",
        /// There is no room for events.
        Full = "full",
        /// Its disk does not answer.
        Stalled = "stalled",
        /// It takes no events until it is opened again.
        Failed = "failed",
        /// It lacks too many events of others.
        Behind = "behind",
    }
}

label! {
    /// Why the system did not hand over a connection.
    AcceptError {
        /// The process has as many files open as it may.
        ProcessFileLimit = "process_file_limit",
        /// The system has as many files open as it can.
        SystemFileLimit = "system_file_limit",
        /// The client went away before it was accepted.
        Aborted = "aborted",
        /// Anything else, such as memory.
        Other = "other",
    }
}

label! {
    /// The kind of a response.
    StatusClass {
        /// 200 to 299; streams too.
        Success = "2xx",
        /// 300 to 399.
        Redirection = "3xx",
        /// 400 to 499.
        ClientError = "4xx",
        /// 500 to 599.
        ServerError = "5xx",
    }
}

label! {
    /// Why a stream ended.
    EndReason {
        /// The client went away.
        Client = "client",
        /// It fell further behind than the limit allows.
        Slow = "slow",
        /// It held events that the log had dropped, and all such streams held more than they may.
        OutputBuffers = "output_buffers",
        /// It was so far behind that the log no longer had what came next.
        Overrun = "overrun",
        /// The log began a new epoch.
        Epoch = "new_epoch",
        /// It reached the maximum age.
        Age = "max_age",
        /// The token that it was opened with expired.
        Expired = "token_expired",
        /// The topic ended.
        Finished = "finished",
        /// The server is stopping.
        Drain = "drain",
        /// Somebody ended it on the admin listener.
        Operator = "operator",
        /// The client sent bytes on a stream, where none belong.
        Misbehaved = "misbehaved",
        /// The system could not serve the connection.
        Failed = "failed",
    }
}

label! {
    /// Why events were left out for a subscriber that was too far behind.
    Skip {
        /// They were the oldest.
        DropOldest = "drop-oldest",
        /// There were newer ones of their topics.
        Conflate = "conflate",
    }
}
