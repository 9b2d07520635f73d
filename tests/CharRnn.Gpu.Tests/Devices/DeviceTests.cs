namespace CharRnn.Gpu.Tests.Devices;

/// <summary>Tests on the shared devices run one after the other: a device's stream takes launches from one thread at a time.</summary>
[CollectionDefinition]
public sealed class DeviceTests;
