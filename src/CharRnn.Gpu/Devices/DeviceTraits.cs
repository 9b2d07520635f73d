namespace CharRnn.Gpu.Devices;

/// <summary>The properties of a device that plans depend on.</summary>
/// <param name="Kind">The kind of the device.</param>
/// <param name="Teams">Teams that run at once.</param>
/// <param name="GroupSize">Threads in a team.</param>
public readonly record struct DeviceTraits(DeviceKind Kind, int Teams, int GroupSize);
