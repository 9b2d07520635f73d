#!/usr/bin/env pwsh

<#
.SYNOPSIS
A thin front on dotnet: `test` runs the tests, every other verb is one of charrnn's (train, sample, bench, ...), built as Release.
.DESCRIPTION
What follows the verb goes to dotnet as it is. No verb at all lists charrnn's.
.EXAMPLE
./run.ps1 train book.txt --out runs/book
.EXAMPLE
./run.ps1 sample runs/book
.EXAMPLE
./run.ps1 bench --device cpu
.EXAMPLE
./run.ps1 test
#>

if ($args[0] -eq 'test') {
    $options = @($args | Select-Object -Skip 1)
    Push-Location $PSScriptRoot  # global.json there names the test runner
    try { dotnet test @options } finally { Pop-Location }
}
else {
    dotnet run -c Release --project (Join-Path $PSScriptRoot 'src/CharRnn.Gpu.Cli') -- @args
}

exit $LASTEXITCODE
