module github.com/posthorn/posthorn/tests/sdk/go

go 1.21

require github.com/svix/svix-webhooks v1.98.0

require github.com/google/uuid v1.6.0 // indirect
