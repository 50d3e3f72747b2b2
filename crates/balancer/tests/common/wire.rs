//! A second, independent reading of HTTP/1 messages: bytes in, parts out.

/// A parsed head.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Head {
    /// Request line or status line.
    pub(crate) start: String,
    /// Names in lower case, in order.
    pub(crate) headers: Vec<(String, String)>,
}

impl Head {
    fn parse(text: &[u8]) -> Result<Self, String> {
        let text = String::from_utf8(text.to_vec()).map_err(|_| "a head that is not text".to_owned())?;
        let mut lines = text.split("\r\n");
        let start = lines.next().unwrap_or_default().to_owned();
        let header = |line: &str| match line.split_once(':') {
            Some((name, value)) => Ok((name.to_ascii_lowercase(), value.trim().to_owned())),
            None => Err(format!("a header without colon: {line:?}")),
        };
        let headers = lines.filter(|line| !line.is_empty()).map(header).collect::<Result<_, _>>()?;
        Ok(Self { start, headers })
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Does the list in header `name` contain `token`?
    pub(crate) fn has(&self, name: &str, token: &str) -> bool {
        let all = self.headers.iter().filter(|(known, _)| known == name);
        all.flat_map(|(_, value)| value.split(',')).any(|item| item.trim().eq_ignore_ascii_case(token))
    }

    /// Of a status line.
    pub(crate) fn status(&self) -> u16 {
        self.start.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0)
    }

    /// Of a request line.
    pub(crate) fn method(&self) -> &str {
        self.start.split(' ').next().unwrap_or_default()
    }

    /// Of a request line.
    pub(crate) fn target(&self) -> &str {
        self.start.split(' ').nth(1).unwrap_or_default()
    }
}

/// What was read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// 1xx other than 101.
    Interim(u16),
    Head(Head),
    Body(Vec<u8>),
    /// The message is whole.
    End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Head,
    Length(usize),
    ChunkSize,
    ChunkData(usize),
    ChunkEnd,
    Trailer,
    UntilClose,
    /// After an upgrade.
    Raw,
}

/// Reads one direction of a connection.
#[derive(Debug)]
pub(crate) struct Reader {
    /// Methods of the requests whose responses are read; `None` reads requests.
    methods: Option<std::collections::VecDeque<String>>,
    buf: Vec<u8>,
    state: State,
}

impl Reader {
    pub(crate) fn of_requests() -> Self {
        Self { methods: None, buf: Vec::new(), state: State::Head }
    }

    pub(crate) fn of_responses() -> Self {
        Self { methods: Some(Default::default()), buf: Vec::new(), state: State::Head }
    }

    /// The next response is one to `method`.
    pub(crate) fn expect_response_to(&mut self, method: &str) {
        self.methods.as_mut().expect("a reader of responses").push_back(method.to_owned());
    }

    /// Reads on; what was read before an error is good.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> (Vec<Part>, Result<(), String>) {
        self.buf.extend_from_slice(bytes);
        let mut parts = Vec::new();
        loop {
            match self.step(&mut parts) {
                Ok(true) => {}
                Ok(false) => return (parts, Ok(())),
                Err(error) => return (parts, Err(error)),
            }
        }
    }

    /// The peer's FIN: the end of a body that is delimited by it.
    pub(crate) fn finish(&mut self) -> Option<Part> {
        (self.state == State::UntilClose).then(|| {
            self.state = State::Head;
            Part::End
        })
    }

    /// One step; false when more bytes are needed.
    fn step(&mut self, parts: &mut Vec<Part>) -> Result<bool, String> {
        match self.state {
            State::Head => self.read_head(parts),
            State::Length(0) => Ok(self.end(parts)),
            State::Length(left) => {
                Ok(self.take_body(left, parts).map(|len| self.state = State::Length(left - len)).is_some())
            }
            State::ChunkSize => self.read_chunk_size(),
            State::ChunkData(0) => Ok(self.goto(State::ChunkEnd)),
            State::ChunkData(left) => {
                Ok(self.take_body(left, parts).map(|len| self.state = State::ChunkData(left - len)).is_some())
            }
            State::ChunkEnd => match self.take_line()? {
                Some(line) if line.is_empty() => Ok(self.goto(State::ChunkSize)),
                Some(line) => Err(format!("{line:?} after a chunk")),
                None => Ok(false),
            },
            State::Trailer => match self.take_line()? {
                Some(line) if line.is_empty() => Ok(self.end(parts)),
                line => Ok(line.is_some()),
            },
            State::UntilClose | State::Raw => Ok(self.take_body(usize::MAX, parts).is_some()),
        }
    }

    fn goto(&mut self, state: State) -> bool {
        self.state = state;
        true
    }

    fn end(&mut self, parts: &mut Vec<Part>) -> bool {
        parts.push(Part::End);
        self.goto(State::Head)
    }

    fn take_body(&mut self, max: usize, parts: &mut Vec<Part>) -> Option<usize> {
        let len = self.buf.len().min(max);
        if len == 0 {
            return None;
        }
        parts.push(Part::Body(self.buf.drain(..len).collect()));
        Some(len)
    }

    fn take_line(&mut self) -> Result<Option<String>, String> {
        let Some(at) = self.buf.windows(2).position(|pair| pair == b"\r\n") else { return Ok(None) };
        let line: Vec<u8> = self.buf.drain(..at + 2).take(at).collect();
        String::from_utf8(line).map(Some).map_err(|_| "a line that is not text".to_owned())
    }

    fn read_chunk_size(&mut self) -> Result<bool, String> {
        let Some(line) = self.take_line()? else { return Ok(false) };
        let digits = line.split(';').next().unwrap_or_default();
        let size = usize::from_str_radix(digits, 16).map_err(|_| format!("chunk size {line:?}"))?;
        Ok(self.goto(if size == 0 { State::Trailer } else { State::ChunkData(size) }))
    }

    fn read_head(&mut self, parts: &mut Vec<Part>) -> Result<bool, String> {
        let Some(at) = self.buf.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(false) };
        let text: Vec<u8> = self.buf.drain(..at + 4).collect();
        let head = Head::parse(&text[..at])?;
        let interim = self.methods.is_some() && (100..200).contains(&head.status()) && head.status() != 101;
        if interim {
            parts.push(Part::Interim(head.status()));
            return Ok(true);
        }
        self.state = self.framing(&head)?;
        parts.push(Part::Head(head));
        Ok(true)
    }

    /// RFC 9112 section 6.3.
    fn framing(&mut self, head: &Head) -> Result<State, String> {
        let method = self.methods.as_mut().map(|methods| methods.pop_front());
        if let Some(method) = &method {
            let method = method.as_ref().ok_or(format!("a response nobody asked for: {}", head.start))?;
            match head.status() {
                101 => return Ok(State::Raw),
                204 | 304 => return Ok(State::Length(0)),
                0 => return Err(format!("status line {:?}", head.start)),
                _ if method == "HEAD" => return Ok(State::Length(0)),
                _ => {}
            }
        }
        let length = head.get("content-length");
        match (head.has("transfer-encoding", "chunked"), length) {
            (true, None) => Ok(State::ChunkSize),
            (true, Some(_)) => Err("both Content-Length and Transfer-Encoding".to_owned()),
            (false, Some(length)) => {
                length.parse().map(State::Length).map_err(|_| format!("Content-Length {length:?}"))
            }
            (false, None) if method.is_some() => Ok(State::UntilClose),
            (false, None) => Ok(State::Length(0)),
        }
    }

    /// From here on the bytes are not HTTP.
    pub(crate) fn go_raw(&mut self) {
        self.state = State::Raw;
    }
}
