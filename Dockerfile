# Two images: `docker build --target lint .` has the program alone, for what needs no other (render, build, lint, diff,
# waves); the last stage, and so `docker build .`, has git and ssh beside it, for what pushes (bump, promote, rollback).
FROM rust:1.95-alpine AS build
RUN apk add --no-cache musl-dev gcc make cmake
WORKDIR /source
COPY . .
# A static binary: the C library is musl, libgit2 and zlib are within.
RUN cargo build --release --locked && strip target/release/gitopsctl

FROM scratch AS lint
COPY --from=build /source/target/release/gitopsctl /gitopsctl
WORKDIR /repository
USER 65532:65532
ENTRYPOINT ["/gitopsctl"]

FROM alpine:3.22
RUN apk add --no-cache git openssh-client ca-certificates && adduser -D -u 65532 gitopsctl
COPY --from=build /source/target/release/gitopsctl /usr/local/bin/gitopsctl
WORKDIR /repository
USER 65532:65532
ENTRYPOINT ["gitopsctl"]
