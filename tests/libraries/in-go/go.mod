module in-go

go 1.19
